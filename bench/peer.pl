# One byte there and one back: over one connection again and again, or over a new one each time. In Perl, which every Debian
# has: a program of Node takes several times as long as the kernel does, and would hide what it takes.
#   peer.pl serve PORT WORKERS
#   peer.pl rr|crr ADDRESS PORT SECONDS WORKERS     prints how many times it went there and back
use strict;
use warnings;
use Socket;

my ($role, @words) = @ARGV;
exit($role eq 'serve' ? serve(@words) : measure($role eq 'crr', @words));

sub serve {
	my ($port, $workers) = @_;
	$SIG{PIPE} = 'IGNORE';
	socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
	bind($listener, sockaddr_in($port, INADDR_ANY)) or die "bind: $!\n";
	listen($listener, 1024) or die "listen: $!\n";
	syswrite(STDOUT, "listening\n");
	for (2 .. $workers) { last if fork == 0 }
	while (accept(my $peer, $listener)) {
		while (sysread($peer, my $byte, 1)) { syswrite($peer, $byte) or last }
	}
	return 1;
}

sub measure {
	my ($renew, $address, $port, $seconds, $workers) = @_;
	my $target = sockaddr_in($port, inet_aton($address));
	my @counts;
	for (1 .. $workers) {
		pipe(my $read, my $write) or die "pipe: $!\n";
		if (fork == 0) {
			syswrite($write, there_and_back($renew, $target, $seconds));
			exit 0;
		}
		close($write);
		push @counts, $read;
	}
	my $sum = 0;
	for my $read (@counts) { $sum += <$read> // die "a worker failed\n" }
	print "$sum\n";
	return 0;
}

sub there_and_back {
	my ($renew, $target, $seconds) = @_;
	my ($count, $peer) = 0;
	my $late = 0;
	local $SIG{ALRM} = sub { $late = 1 };
	alarm $seconds;
	until ($late) {
		$peer = dial($target) if $renew || !$peer;
		# The last one may be interrupted.
		(syswrite($peer, 'x') && sysread($peer, my $byte, 1)) ? $count++ : $late || die "no answer: $!\n";
	}
	return $count;
}

# Ends with a reset, so that no port is left in TIME_WAIT: there would be none left after seconds.
sub dial {
	my ($target) = @_;
	socket(my $peer, PF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	setsockopt($peer, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	connect($peer, $target) or $!{EINTR} or die "connect: $!\n";
	return $peer;
}
