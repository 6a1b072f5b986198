A box without a clock has its time from the server
given the clock of the box says 1970-01-01T00:00:10+00:00
given the clock of the box is not synced
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session's times are those of the tap and of the opening
then  the last session has no flag
