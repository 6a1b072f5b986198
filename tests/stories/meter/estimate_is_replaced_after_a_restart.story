The meter is silent at the end, and the daemon dies: the next one replaces the estimate as well
# takes: 40 s
given [session] final_reading_timeout_s = 4
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the meter falls silent
then  the contactor opens within 9 s
then  the server has an estimate of the last session
when  the daemon is killed
when  the daemon is started
then  the box is unavailable within 8 s
then  the server has an estimate of the last session
when  the meter answers again
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason meter_lost
then  the last session has no flag
