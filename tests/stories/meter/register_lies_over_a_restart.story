The register shows a thousandfold, and the daemon dies: at the next start its lie is no new past
# takes: 45 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the meter's register shows a thousand times too much
when  the daemon is killed
when  the daemon is started
then  the contactor opens within 12 s
when  6 s pass
then  the box is finishing within 1 s
then  the box stays finishing for 3 s
when  everything is mended
then  the box is available within 15 s
then  one session is booked to Wohnung 3 links, reason restart
then  the last session is flagged estimated_time
