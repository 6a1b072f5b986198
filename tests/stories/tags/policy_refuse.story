With the policy "refuse" a silent server lets nobody in
given [offline] policy = "refuse"
when  the network is cut
when  Anna holds the tag to the box
then  the red lamp lights up within 9 s
then  the contactor stays open for 1 s
when  the network is back
then  one session is booked to Wohnung 3 links, reason not_started
