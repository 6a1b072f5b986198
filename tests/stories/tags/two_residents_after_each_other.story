Two residents charge one after the other: each pays for what is theirs
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  Bert holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Bert holds the tag to the box
then  the contactor opens within 1 s
then  the sessions are booked as Wohnung 3 links, local; Wohnung 1 links, local
