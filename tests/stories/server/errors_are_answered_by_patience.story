A proxy answers with errors at the start, the server is too busy at the end: all is sent again
when  a proxy answers with errors
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the server says that it is too busy
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
then  2 messages wait in the box
when  the server is itself again
# one word of the server ends the pause, and this is one
when  an unknown tag is held to the box
then  one session is booked to Wohnung 3 links, reason local
