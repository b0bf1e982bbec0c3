use strict;

sub copy {
	my ($from, $to) = @_;
	while (sysread $from, my $piece, 65536) {
		while (length $piece) {
			my $count = syswrite $to, $piece;
			defined $count or return;
			substr($piece, 0, $count) = '';
		}
	}
}

