The line is cut during the charge: stopping does not wait for it, and what it came to is told later
given the box is on a line of text to the server
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the network is cut
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
then  1 message waits in the box
when  the network is back
then  one session is booked to Wohnung 3 links, reason local
