A register that is 2^32 too high when the daemon starts lets nobody in until it is mended
# takes: 45 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the box is available within 15 s
when  the meter's register shows 2^32 too much
when  the daemon is killed
when  the daemon is started
then  the box is unavailable within 8 s
when  4 s pass
then  the box stays unavailable for 2 s
when  Anna holds the tag to the box
then  the buzzer gives a long tone within 3 s
then  the contactor stays open for 2 s
when  everything is mended
then  the box is available within 15 s
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the sessions are booked as Wohnung 3 links, local; Wohnung 3 links, local
then  the last session has no flag
