The meter's cable is pulled out during the charge and plugged in again
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the meter's cable is pulled out
then  the contactor opens within 9 s
when  the meter's cable is plugged in again
then  the box is available within 40 s
then  one session is booked to Wohnung 3 links, reason meter_lost
then  the last session has no flag
