The daemon freezes for a while and wakes up: the lease has lapsed, the charge is over
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the daemon freezes
when  4 s pass
when  the daemon wakes up again
then  the contactor opens within 1 s
then  the box is available within 15 s
then  one session is booked to Wohnung 3 links, reason other
