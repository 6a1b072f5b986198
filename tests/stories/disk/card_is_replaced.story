A box with a new card begins nothing before it has reached the server once
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
when  the daemon is told to leave
when  the card is replaced by a new one
when  the network is cut
when  the daemon is started
then  the box is unavailable within 10 s
then  the box says new journal
when  Anna holds the tag to the box
then  the buzzer sounds 2 times
then  the contactor stays open for 1 s
when  the network is back
when  the daemon is told to leave
when  the daemon is started
then  the box is available within 20 s
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the sessions are numbered 1, 2
