#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The examples for a receiver that others reach: daemon/remote/fleet-nginx.conf in a real nginx before a
# real VictoriaMetrics, and daemon/remote/fleet-vmauth.yml in a real vmauth, with hosts that send.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use JSON::PP;
use lib "$FindBin::Bin/lib";
use Test::More;
use Daemon;

is(system("env -u BUILD make -s -C $FindBin::Bin/bench/fleetbench SAN=1 >&2"), 0, 'the hosts are built');

# The cluster is played by single ones, which know no tenants: one a tenant and way.
my %receiver;
sub victoria {
	my $name = shift;
	my $at = free_port();
	start($name, 'victoria-metrics', "-storageDataPath=$dir/$name", "-httpListenAddr=127.0.0.1:$at", '-loggerLevel=ERROR', '-memory.allowedBytes=64MiB', @_);
	ok(wait_for($name, 20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $at) }), "$name is there") or BAIL_OUT(slurp("$dir/$name.log"));
	return $receiver{$name} = $at;
}
sub rows { my ($n) = $http->get("http://127.0.0.1:$receiver{$_[0]}/metrics")->{content} =~ /^vm_rows_inserted_total\{type="promremotewrite"\} (\d+)$/m; return $n }

my $password = sprintf '%08x', rand 2**32;
sub put { my ($name, $text) = @_; open(my $h, '>', "$dir/$name") or die "$dir: $!"; print $h $text; close $h; chmod 0600, "$dir/$name"; return "$dir/$name" }
my $secret = put('password', "$password\n");
my $wrong = put('wrong', "not it\n");
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout $dir/key.pem -out $dir/cert.pem 2>$dir/openssl.log") == 0
	or BAIL_OUT(slurp("$dir/openssl.log"));

# An example with this test's ports and files; nothing else is changed.
sub example {
	my ($file, %here) = @_;
	my $text = slurp("$FindBin::Bin/../daemon/remote/$file");
	for my $word (sort keys %here) {
		ok($text =~ s/^([^#\n]*)\Q$word\E/$1$here{$word}/mg, "$file has '$word'") or BAIL_OUT('the example has changed');
	}
	return $text;
}

# One host with two VMs for a second: its exit status, what it said, and samples that were taken.
sub hosts {
	my ($url, @options) = @_;
	my $out = qx($build/fleetbench --hosts=1 --vms=2 --seconds=1 --tries=1 @options $url 2>&1);
	my ($samples) = $out =~ /^samples=(\d+)$/m;
	return ($? >> 8, $out, $samples // 0);
}
sub status { my $s = qx(curl -s --cacert $dir/cert.pem -o $dir/body -w '%{http_code}' --max-time 10 @_); return $s }

# ---- nginx ----
my $one = victoria('single');
my $outside = free_port();
chomp(my $hash = qx(openssl passwd -apr1 $password));
my $users = put('users', "kvm:$hash\n");
my $conf = put('fleet-nginx.conf', join '', "daemon off;\nworker_processes 1;\npid $dir/nginx.pid;\nerror_log stderr;\nuser root;\nevents {}\nhttp {\naccess_log off;\n",
	(map { "${_}_temp_path $dir/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi)),
	example('fleet-nginx.conf', 'listen 443 ssl' => "listen 127.0.0.1:$outside ssl", '/etc/ssl/certs/metrics.pem' => "$dir/cert.pem",
		'/etc/ssl/private/metrics.key' => "$dir/key.pem", '/etc/nginx/vmexit-hosts.users' => $users, '127.0.0.1:8428' => "127.0.0.1:$one"), "}\n");
my ($nginx) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';
ok($nginx, 'nginx is installed') or BAIL_OUT('apt-get install nginx-light');
start('nginx', $nginx, '-p', $dir, '-c', $conf, '-e', 'stderr');
my $base = "https://127.0.0.1:$outside";
ok(wait_for('nginx', 10, sub { status("$base/api/v1/write") eq '401' }), 'nginx: nobody may write without the password') or BAIL_OUT(slurp("$dir/nginx.log"));
my ($exit, $out, $samples) = hosts("$base/api/v1/write", '--user=kvm', "--password-file=$secret", "--ca-file=$dir/cert.pem");
is($exit, 0, 'with it a host may') or diag($out);
is(rows('single'), $samples, 'and all of its samples arrive');
($exit, $out) = hosts("$base/api/v1/write", '--user=kvm', "--password-file=$wrong", "--ca-file=$dir/cert.pem");
ok($exit && $out =~ / 401 /, 'with another password not') or diag($out);
($exit, $out) = hosts("$base/api/v1/write", '--user=kvm', "--password-file=$secret");
ok($exit && $out =~ /certificate/, 'nor where its certificate is not known') or diag($out);
is(status('-u', "kvm:$password", "$base/api/v1/query?query=vmexit_exits_total"), 404, 'who may write cannot read');
# Larger than nginx takes unless it is told: VictoriaMetrics itself says what is wrong with it.
put('large', 'x' x 4e6);
is(status('-u', "kvm:$password", '--data-binary', "\@$dir/large", "$base/api/v1/write"), 400, 'the largest request comes through');
# ---- what vmexit-fleet(7) asks ----
is((hosts("http://127.0.0.1:$one/api/v1/write", '--past', '--seconds=120', '--interval=60'))[0], 0, 'two minutes of samples');
is($http->post("http://127.0.0.1:$one/api/v1/import/prometheus", { content => sprintf("vmexit_remote_write_lag_seconds{host=\"kvm-0001\"} 100 %d\n", 1000 * (time - 45)) })->{status}, 204, 'and of a host that is behind');
$http->get("http://127.0.0.1:$one/internal/force_flush");
sub query { my $r = $http->get("http://127.0.0.1:$one/api/v1/query?" . $http->www_form_urlencode({ query => $_[0], nocache => 1, time => time })); return eval { decode_json($r->{content})->{data}{result} } // do { diag($r->{content}); [] } }
my ($vm) = map { $_->{metric}{vm} } @{ query('vmexit_exits_total{source="guest"}') };
my ($block) = slurp("$FindBin::Bin/../daemon/remote/vmexit-fleet.7") =~ /^\.Sh QUESTIONS\n\.Bd [^\n]*\n(.*?)^\.Ed/ms;
my @questions = split /\n/, ($block // '') =~ s/\n\t/ /gr =~ s/^#.*\n//mgr;
cmp_ok(scalar @questions, '>=', 6, 'the page has questions');
for my $question (@questions) {
	ok(scalar @{ query($question =~ s/UUID/$vm/r) }, "$question has an answer");
}

# What vmexitd takes for a receiver that may have forgotten something.
stop('single', 'KILL');
($exit, $out) = hosts("$base/api/v1/write", '--user=kvm', "--password-file=$secret", "--ca-file=$dir/cert.pem");
ok($exit && $out =~ / 502 /, 'where there is no VictoriaMetrics any more nginx says 502') or diag($out);
stop('nginx', 'TERM');

# ---- vmauth ----
victoria('one', '-http.pathPrefix=/insert/1/prometheus');
victoria('two', '-http.pathPrefix=/insert/2/prometheus');
my $auth = free_port();
my $config = put('vmauth.yml', example('fleet-vmauth.yml', 'change-me-1' => $password,
	(map { ("http://vminsert-$_:8480/insert/1/" => "http://127.0.0.1:$receiver{one}/insert/1/", "http://vminsert-$_:8480/insert/2/" => "http://127.0.0.1:$receiver{two}/insert/2/") } 1, 2)));
start('vmauth', 'vmauth', "-auth.config=$config", "-httpListenAddr=127.0.0.1:$auth", '-tls', "-tlsCertFile=$dir/cert.pem", "-tlsKeyFile=$dir/key.pem");
$base = "https://127.0.0.1:$auth";
ok(wait_for('vmauth', 10, sub { status("$base/api/v1/write") eq '401' }), 'vmauth: nobody may write without the password') or BAIL_OUT(slurp("$dir/vmauth.log"));
sub tenant { my ($n) = $http->get("http://127.0.0.1:$receiver{$_[0]}/insert/$_[1]/prometheus/metrics")->{content} =~ /^vm_rows_inserted_total\{type="promremotewrite"\} (\d+)$/m; return $n }
for (['kvm-hosts', $secret, 'one', 1], ['other-hosts', put('other', "change-me-2\n"), 'two', 2]) {
	my ($user, $file, $name, $number) = @$_;
	($exit, $out, $samples) = hosts("$base/api/v1/write", "--user=$user", "--password-file=$file", "--ca-file=$dir/cert.pem");
	is($exit, 0, "$user may write") or diag($out);
	is(tenant($name, $number), $samples, 'into the tenant of its own');
}
stop('one', 'KILL');
($exit, $out) = hosts("$base/api/v1/write", '--user=kvm-hosts', "--password-file=$secret", "--ca-file=$dir/cert.pem");
ok($exit && $out =~ / 50[24] /, 'where there is no vminsert any more it says so') or diag($out);
isnt(status('-u', "kvm-hosts:$password", "$base/api/v1/query?query=vmexit_exits_total"), 200, 'but not read');
stop($_, 'TERM') for keys %running;
done_testing();
