Two cards at once are refused: one card only, please
when  Anna and Bert hold their tags to the box together
then  the red lamp lights up within 2 s
then  the contactor stays open for 2 s
then  the server has no session
