The disk is full when the charge ends: the contactor opens at once, the end is stored later
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the disk is full
then  the contactor stays closed for 3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is finishing within 1 s
then  the box stays finishing for 6 s
when  the disk has room again
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session has no flag
