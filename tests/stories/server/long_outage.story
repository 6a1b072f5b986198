After a long outage everything is told, in its order
# takes: 50 s
when  the network is cut
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  Bert holds the tag to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  Bert holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  Anna's second tag is held to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
then  6 messages wait in the box
when  the network is back
# one word of the server ends the pause, and this is one
when  an unknown tag is held to the box
then  the sessions are booked as Wohnung 3 links, local; Wohnung 1 links, local; Wohnung 3 links, local
then  the sessions are numbered 1, 2, 3
# that tap was told first: nobody waits behind a backlog
then  the last session is flagged late_seq
