A charge ends after the longest time that is set
given [session] max_duration_h = 0.002
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
then  the contactor opens within 12 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason max_duration
then  the last session took 7 to 12 s
