use POSIX qw(mkfifo);
use Socket;

my ($directory, $port) = @ARGV;
my $listener;
$SIG{PIPE} = 'IGNORE';

sub say_line {
	syswrite STDOUT, "$_[0]\n";
}

sub up {
	my ($connection, $path) = @_;
	open my $pipe, '>', $path or return;
	copy($connection, $pipe);
}

sub down {
	my ($connection, $path) = @_;
	open my $pipe, '<', $path or return;
	copy($pipe, $connection);
	shutdown $connection, 1;
}

# Returns in the parent.
sub start {
	my ($work, @arguments) = @_;
	my $child = fork;
	return $child if $child || !defined $child;
	# The end of the input is that of the owner, which only the first process reads.
	open STDIN, '<', '/dev/null';
	close $listener;
	$SIG{TERM} = 'DEFAULT';
	$work->(@arguments);
	POSIX::_exit(0);
}

sub serve {
	my ($connection, $pipes) = @_;
	my @copies = (start(\&up, $connection, "$pipes.o"), start(\&down, $connection, "$pipes.i"));
	$SIG{TERM} = sub { kill 'KILL', grep { defined } @copies; POSIX::_exit(0) };
	close $connection;
	say_line($pipes);
	waitpid $_, 0 for grep { defined } @copies;
	unlink "$pipes.i", "$pipes.o";
}

socket($listener, AF_INET, SOCK_STREAM, 0) or die "no socket: $!\n";
setsockopt $listener, SOL_SOCKET, SO_REUSEADDR, pack('l', 1);
bind($listener, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "$!\n";
listen($listener, 128) or die "$!\n";
say_line('ready');

my (%open, $number);
while (1) {
	my $ready = '';
	vec($ready, fileno $_, 1) = 1 for \*STDIN, $listener;
	next if select($ready, undef, undef, undef) < 0;
	if (vec $ready, fileno STDIN, 1) {
		last unless sysread STDIN, my $ignored, 4096;
	}
	delete @open{grep { waitpid($_, POSIX::WNOHANG()) != 0 } keys %open};
	next unless vec $ready, fileno $listener, 1;
	accept(my $connection, $listener) or next;
	my $pipes = "$directory/" . ++$number;
	mkfifo("$pipes.i", 0600) && mkfifo("$pipes.o", 0600) or next;
	my $child = start(\&serve, $connection, $pipes);
	$open{$child} = 1 if $child;
}
kill 'TERM', keys %open;
