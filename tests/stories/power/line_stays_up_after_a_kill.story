The daemon is killed and no failsafe runs: the next start opens, and books what flowed meanwhile
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the daemon is killed
then  the contactor stays closed for 2 s
when  the daemon is started
then  the contactor opens within 5 s
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason restart
