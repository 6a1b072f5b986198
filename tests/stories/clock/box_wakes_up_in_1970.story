The box wakes up in 1970 without a network: the times are put right when the clock is
# the first run gets the tag list and the number of the last session
when  the power is cut
when  the network is cut
when  the clock of the box is set to 1970-01-01T00:00:10+00:00
when  the clock of the box is not synced any more
when  the power comes back after 0 minutes
then  the box is available within 20 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  the clock of the box is set right
when  the network is back
then  one session is booked to Wohnung 3 links, reason local
then  the last session's times are those of the tap and of the opening
then  the last session is counted in this month
then  the last session has no flag
