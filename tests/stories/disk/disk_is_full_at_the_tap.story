The disk is full when somebody taps: without a record nothing is closed
when  the disk is full
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the buzzer gives a long tone within 4 s
then  the contactor stays open for 2 s
then  the box is unavailable within 5 s
then  the box says journal
when  the disk has room again
then  the box is available within 20 s
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
