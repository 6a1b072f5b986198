While the line is cut everybody may charge, and who it was is told when it is back
given the box is on a line of text to the server
given [offline] policy = "anyone"
when  the network is cut
when  a car plugs in that draws 11 kW on 3 phases
when  Bert holds the tag to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  Bert holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  the network is back
then  one session is booked to Wohnung 1 links, reason local
