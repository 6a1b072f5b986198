The meter restarts during the charge and shows zero for a moment: the charge goes on
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the meter restarts and counts from zero for a moment
then  the contactor stays closed for 4 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session has no flag
