The meter falls silent during the charge: it ends, and is booked exactly when the meter is back
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the meter falls silent
then  the contactor opens within 9 s
then  the box is finishing within 1 s
then  the box stays finishing for 2 s
when  the meter answers again
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason meter_lost
then  the last session has no flag
