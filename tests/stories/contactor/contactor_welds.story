Welded contacts are found by the meter, told, and not reset away while current flows
# takes: 110 s
given energy runs 10 times faster
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  200 Wh have flowed
when  the contactor welds
when  Anna holds the tag to the box
then  the line of the contactor is inactive within 1 s
then  the box is faulted within 15 s
then  the box says contactor_fault
then  the landlord sees the fault contactor_fault
then  a reset is refused: current flowed within the last minute
then  up to 1500 Wh are nobody's
then  one session is booked to Wohnung 3 links, reason local
when  the landlord resets the fault contactor_fault
then  the landlord hears that it was refused
when  the contactor is replaced
then  the contactor opens within 1 s
when  Anna holds the tag to the box
then  the buzzer gives a long tone within 3 s
when  62 s pass
when  somebody resets the box
then  the box is available within 5 s
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the sessions are booked as Wohnung 3 links, local; Wohnung 3 links, local
then  the server counts 100 to 1500 Wh as unassigned
