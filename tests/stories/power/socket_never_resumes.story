A plain socket is never energised again by itself
# takes: 80 s
# it ends at the last sign of life: the daemon leaves one every thirty seconds
given energy runs 20 times faster
given a plain socket hangs on the contactor
# not even if the config would let it
given [session] resume_within_s = 600
when  a car plugs in that draws 2.3 kW on 1 phase
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  63 s pass
when  the power is cut
when  the power comes back after 1 minutes
then  the box is available within 20 s
then  the contactor stays open for 3 s
then  one session is booked to Wohnung 3 links, reason power_loss
then  the last session took 58 to 68 s
then  the last session is flagged estimated_time
