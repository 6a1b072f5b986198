The car is unplugged: where an input tells, the charge is over
given the box has a vehicle input
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the car is unplugged
then  the contactor opens within 2 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason ev_disconnected
