The whole daemon freezes: the time relay opens, the one lease that survives that
given the box has a time relay
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the daemon freezes
then  the contactor opens within 3 s
when  the daemon is killed
when  the failsafe runs
when  the daemon is started
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason restart
