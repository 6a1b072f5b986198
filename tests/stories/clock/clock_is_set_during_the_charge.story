The clock is set during the charge: the time of its beginning is put right
when  the power is cut
when  the network is cut
when  the clock of the box jumps 20 days back
when  the clock of the box is not synced any more
when  the power comes back after 0 minutes
then  the box is available within 20 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 15 s
when  the clock of the box is set right
when  the contactor has been closed for 5.3 s
when  the network is back
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session's times are those of the tap and of the opening
then  the last session has no flag
