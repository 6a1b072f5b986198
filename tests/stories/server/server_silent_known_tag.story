The server is silent: a tag of the list charges, and all is reported later
when  the network is cut
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  the network is back
# one word of the server ends the pause, and this is one
when  an unknown tag is held to the box
then  one session is booked to Wohnung 3 links, reason local
