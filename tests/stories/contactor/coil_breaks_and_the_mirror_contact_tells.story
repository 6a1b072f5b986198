The contactor does not close, and the mirror contact tells at once
given the box has a mirror contact
when  the contactor's coil breaks
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is faulted within 12 s
then  the box says feedback did not follow
then  one session is booked to Wohnung 3 links, reason contactor_fault
when  everything is mended
when  somebody resets the box
then  the box is available within 5 s
