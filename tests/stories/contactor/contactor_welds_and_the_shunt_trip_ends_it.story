The contacts weld under load: the shunt trip takes the supply away
given the box has a shunt trip
given energy runs 10 times faster
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  200 Wh have flowed
when  the contactor welds
when  Anna holds the tag to the box
then  the line of the contactor is inactive within 1 s
then  the trip is pulsed within 20 s
then  the car draws nothing within 2 s
then  the box is faulted within 5 s
then  up to 1500 Wh are nobody's
then  one session is booked to Wohnung 3 links, reason local
when  everything is mended
then  the contactor opens within 1 s
