The car is full: the session ends by itself
given energy runs 120 times faster
given [session] finished_after_min = 0.07
when  a car plugs in that draws 11 kW and is full after 400 Wh
when  Anna holds the tag to the box
then  the box is charging within 8 s
then  the box is suspended ev within 40 s
then  the contactor opens within 60 s
then  the box is available within 15 s
then  one session is booked to Wohnung 3 links, reason ev_finished
