Anna charges and stops with the same tag
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the contactor closes within 3 s
then  the box is charging within 6 s
then  the server has an open session of Wohnung 3 links
when  1000 Wh have flowed
# nobody is taken for a double tap any more after five seconds
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session has no flag
