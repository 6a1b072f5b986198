A charge over a line of text: asked, told and booked as over the network
given the box is on a line of text to the server
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
then  the server has an open session of Wohnung 3 links
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
