use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);

my ($address, $port) = @ARGV;
my $family = $address =~ /:/ ? AF_INET6 : AF_INET;
my $host = inet_pton($family, $address);
my $target = $family == AF_INET ? pack_sockaddr_in($port, $host) : pack_sockaddr_in6($port, $host);
socket(my $connection, $family, SOCK_STREAM, 0) or die "no socket: $!\n";
connect($connection, $target) or die "no connection: $!\n";
$SIG{PIPE} = 'IGNORE';

defined(my $up = fork) or die "no process: $!\n";
if (!$up) {
	close STDOUT;
	copy(\*STDIN, $connection);
	shutdown $connection, 1;
	exit;
}
copy($connection, \*STDOUT);
kill 'KILL', $up;
