A damaged journal is set aside, and the box goes on where the server knows it to be
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
when  the daemon is killed
when  the journal is damaged
when  the daemon is started
then  the box is available within 20 s
then  the damaged journal is kept beside the new one
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the sessions are booked as Wohnung 3 links, local; Wohnung 3 links, local
then  the sessions are numbered 1, 2
