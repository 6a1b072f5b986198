The daemon is killed during the charge: the failsafe opens, the next start books it exactly
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the daemon is killed
# the line stays as it was: that is what Raspberry Pi kernels do
then  the contactor stays closed for 1 s
when  the failsafe runs
then  the contactor opens within 1 s
when  the daemon is started
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason restart
