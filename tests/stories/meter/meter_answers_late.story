Late answers are never taken for those to the next question
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the meter answers late
when  500 Wh have flowed
when  the meter answers in time again
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session has no flag
