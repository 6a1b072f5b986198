With the policy "anyone" a silent server lets everybody in; who was unknown is nobody
given [offline] policy = "anyone"
when  the network is cut
when  a car plugs in that draws 11 kW on 3 phases
when  an unknown tag is held to the box
then  the box is charging within 15 s
when  the contactor has been closed for 5.3 s
when  an unknown tag is held to the box
then  the contactor opens within 1 s
when  the network is back
then  one session is booked to nobody, reason local
then  the last session is flagged unknown_tag
