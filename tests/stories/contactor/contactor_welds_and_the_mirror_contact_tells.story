The contacts weld without a car: the mirror contact tells at once
given the box has a mirror contact
when  Anna holds the tag to the box
then  the box is suspended ev within 8 s
when  the contactor welds
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the line of the contactor is inactive within 1 s
then  the box says feedback says closed
then  the red lamp flashes 1 time between pauses
then  the box is faulted within 12 s
then  a reset is refused: the mirror contact does not say open
when  the contactor is replaced
then  one session is booked to Wohnung 3 links, reason local
then  the last session drew 0 to 5 Wh
