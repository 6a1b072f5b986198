The server is silent: an expired or a blocked tag of the list is refused all the same
when  the network is cut
when  an expired tag is held to the box
then  the red lamp lights up within 9 s
then  the contactor stays open for 1 s
then  the box is available within 5 s
when  a blocked tag is held to the box
then  the red lamp lights up within 9 s
then  the contactor stays open for 1 s
then  the box is available within 5 s
when  the network is back
then  the sessions are booked as Wohnung 2 rechts, not_started; Wohnung 3 links, not_started
