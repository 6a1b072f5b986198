In the October night with two hours between two and three a charge is as long as it is
given the clock of the box says 2026-10-25 02:59:54 summer time
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  7 s pass
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session took 7 to 16 s
then  the last session began at 2026-10-25 02:59:57 summer time, give or take 4 s
then  the last session has no flag
