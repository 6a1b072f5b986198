The daemon is told to leave: the contactor opens, the next start books the charge
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the daemon is told to leave
then  the contactor opens within 1 s
# steady red: no software here
then  the red lamp is lit and stays so for 2 s
when  the daemon is started
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason shutdown
