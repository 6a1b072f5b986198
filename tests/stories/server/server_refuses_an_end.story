What the server finds wrong is set aside, seen by both, and goes again when somebody says so
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  the server finds every end of a charge wrong
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box holds 1 refused message
then  the landlord sees 1 refused message
when  the server is itself again
when  Bert holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Bert holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
when  somebody sends the refused message again
then  the sessions are booked as Wohnung 3 links, local; Wohnung 1 links, local
