In the quiet hours the box only ticks
given [indicator] quiet = "22:00-06:00"
given the clock of the box says 2026-11-10 02:30:00
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the buzzer gives no more than ticks for 5 s
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the buzzer gives no more than ticks for 6 s
then  one session is booked to Wohnung 3 links, reason local
