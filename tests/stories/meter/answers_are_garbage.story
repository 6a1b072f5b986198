Garbage on the line is not counted
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  the meter's answers are garbage
when  1 s pass
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box stays finishing for 4 s
when  everything is mended
then  the box is available within 15 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session has no flag
