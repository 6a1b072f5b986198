Noise on the reader's wires is nobody's tag
when  the reader's wires pick up noise
then  the contactor stays open for 8 s
when  everything is mended
then  the box is available within 20 s
then  the server has no session
