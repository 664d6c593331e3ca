"""Questions and answers about pictures of demonstrations: what `vvla train pretrain` teaches from."""
