A car that draws more than the fuse is for is switched off after a minute
# takes: 90 s
given energy runs 4 times faster
given [contactor] max_current_a = 12
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
then  the contactor stays closed for 45 s
then  the contactor opens within 75 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason overcurrent
