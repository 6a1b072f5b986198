The meter is exchanged during the charge: registers of two meters are never subtracted
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the meter is exchanged for another one
then  the contactor opens within 9 s
then  up to 1500 Wh are nobody's
then  the box is available within 25 s
then  one session is booked to Wohnung 3 links, reason meter_lost
then  the last session is flagged estimated
