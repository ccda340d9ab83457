/** The cluster's contract on a real etcd and on the twin in memory; and what only an etcd can show. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd } from '../../src/cluster/etcd.ts'
import type { EtcdOptions } from '../../src/cluster/etcd-endpoints.ts'
import { isCode } from '../../src/errors.ts'
import { clusterContract, listen } from '../contract/cluster.ts'
import { type Certificates, makeCertificates, noEtcd, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

const skip = noEtcd()

const [shared] = skip === false ? await startEtcd({ after }) : []

function client(t: TestContext, endpoints: readonly string[], options: Partial<EtcdOptions> = {}): Etcd {
	const cluster = new Etcd({ endpoints, ...options })
	t.after(() => cluster.close())
	return cluster
}

clusterContract(
	'etcd',
	async (t) => {
		const endpoints = [shared?.url ?? '']
		const cluster = client(t, endpoints)
		const compact = async () => {
			await shared?.ctl('compact', String((await cluster.range('any')).revision))
		}
		return { cluster, other: client(t, endpoints), compact }
	},
	{ skip },
)

clusterContract('memory', async () => {
	const server = new MemoryServer()
	const cluster = new MemoryCluster(server)
	return { cluster, other: new MemoryCluster(server), compact: async () => server.compact() }
})

test('an etcd that stops is told of by its name, and is there again when it comes back', { skip }, async (t) => {
	const [etcd] = await startEtcd(t)
	assert.ok(etcd)
	const cluster = client(t, [etcd.url])
	const revision = await cluster.transaction([], [{ key: 'a', value: '1' }])
	const watching = broken(cluster.watch('a', revision ?? 0, AbortSignal.timeout(20_000)))
	await etcd.stop()
	await assert.rejects(cluster.get('a'), (error) => isCode(error, 'unreachable') && error.message.includes(etcd.url))
	await watching
	etcd.start()
	await eventually(() => cluster.get('a').then((entry) => entry?.value === '1', unreachable))
	const told = listen(t, cluster, 'a', revision ?? 0)
	await cluster.transaction([], [{ key: 'a', value: '2' }])
	await eventually(() => told.length === 1)
})

test('an etcd that is stuck is left in time, by those who watch too', { skip }, async (t) => {
	const [etcd] = await startEtcd(t)
	assert.ok(etcd)
	const cluster = client(t, [etcd.url], { patience: 500 })
	const revision = (await cluster.range('a')).revision
	const watching = broken(cluster.watch('a', revision, AbortSignal.timeout(20_000)))
	// Watched for certain, before it sticks.
	await eventually(async () => (await etcd.metric('etcd_debugging_mvcc_watcher_total')) === '1')
	etcd.signal('SIGSTOP')
	t.after(async () => etcd.signal('SIGCONT'))
	await assert.rejects(cluster.get('a'), (error) => isCode(error, 'unreachable') && /within 500 ms/.test(error.message))
	await watching
	await assert.rejects(
		() => broken(cluster.watch('a', revision, AbortSignal.timeout(20_000)), true),
		(error) => isCode(error, 'unreachable'),
	)
	etcd.signal('SIGCONT')
	await eventually(() => cluster.get('a').then(() => true, unreachable))
})

test('of three endpoints one may go after the other, while two members are there', { skip }, async (t) => {
	const etcds = await startEtcd(t, 3)
	const cluster = client(
		t,
		etcds.map(({ url }) => url),
	)
	await cluster.transaction([], [{ key: 'a', value: '0' }])
	for (const [n, etcd] of etcds.entries()) {
		await etcd.stop()
		// Those that are left may have to choose a leader first, and the one that was asked last is gone.
		await eventually(() => cluster.get('a').then((entry) => entry?.value === String(n), unreachable))
		const change = () => cluster.transaction([], [{ key: 'a', value: String(n + 1) }])
		await eventually(() => change().then((revision) => revision !== undefined, unreachable))
		etcd.start()
		await etcd.ready()
	}
	assert.equal((await cluster.get('a'))?.value, '3')
})

test('a member that has lost the others says so, and breaks off what is watched there', { skip }, async (t) => {
	const [first, ...others] = await startEtcd(t, 3)
	assert.ok(first)
	const cluster = client(t, [first.url])
	const revision = (await cluster.transaction([], [{ key: 'a', value: '1' }])) ?? 0
	const watching = broken(cluster.watch('a', revision, AbortSignal.timeout(30_000)))
	await Promise.all(others.map((each) => each.stop()))
	await watching
	await assert.rejects(cluster.get('a'), (error) => isCode(error, 'unreachable'))
})

test('with certificates: whoever has them is let in, and whoever has not is told what is missing', {
	skip,
}, async (t) => {
	const [files, foreign] = [await makeCertificates(t), await makeCertificates(t)]
	const [etcd] = await startEtcd(t, 1, { tls: files })
	assert.ok(etcd)
	const [tls, others] = [await contents(files), await contents(foreign)]
	const cluster = client(t, [etcd.url], { tls })
	await cluster.transaction([], [{ key: 'a', value: '1' }])
	assert.equal((await cluster.get('a'))?.value, '1')
	const told = listen(t, cluster, 'a', 1)
	await eventually(() => told.length === 1)

	const refusals = [
		[{ ...tls, ca: others.ca }, /not from an authority in WEFT_CLUSTER_CA/],
		[{ ca: tls.ca }, /does not take WEFT_CLUSTER_CERT/],
		[{ ...others, ca: tls.ca }, /does not take WEFT_CLUSTER_CERT/],
	] as const
	for (const [given, words] of refusals) {
		await assert.rejects(client(t, [etcd.url], { tls: given }).get('a'), (error) => {
			return isCode(error, 'unreachable') && words.test(error.message) && error.message.includes(etcd.url)
		})
	}
	const plain = client(t, [etcd.url.replace('https', 'http')])
	await assert.rejects(
		plain.get('a'),
		(error) => isCode(error, 'unreachable') && /ends the connection/.test(error.message),
	)
	const named = client(t, [etcd.url.replace('127.0.0.1', 'localhost')], { tls })
	await assert.rejects(named.get('a'), /its certificate is for another name/)
})

test('an etcd without TLS is told of', { skip }, async (t) => {
	const url = (shared?.url ?? '').replace('http', 'https')
	await assert.rejects(
		client(t, [url]).get('a'),
		(error) => isCode(error, 'unreachable') && /not speak TLS/.test(error.message),
	)
})

test('one that breaks off before TLS is set up is told of in the same way', async (t) => {
	const server = createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
	server.listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.after(() => server.close())
	const { port } = server.address() as AddressInfo
	await assert.rejects(
		client(t, [`https://127.0.0.1:${port}`]).get('a'),
		(error) => isCode(error, 'unreachable') && /not speak TLS, or has broken off/.test(error.message),
	)
	await assert.rejects(
		client(t, [`http://127.0.0.1:${port}`]).get('a'),
		(error) => isCode(error, 'unreachable') && !/TLS/.test(error.message),
	)
})

test('with a login: whoever has it is let in, again when it has run out, and others are told', { skip }, async (t) => {
	const [etcd] = await startEtcd(t, 1, { loginLasts: 1 })
	assert.ok(etcd)
	const login = { user: 'weft', password: 'p:ä"' }
	// Nobody has to log in yet.
	assert.equal(await client(t, [etcd.url], { login }).get('a'), undefined)
	await etcd.ctl('user', 'add', 'root:r')
	await etcd.ctl('user', 'add', `weft:${login.password}`)
	await etcd.ctl('role', 'add', 'weft')
	await etcd.ctl('role', 'grant-permission', 'weft', '--prefix=true', 'readwrite', 'weft/')
	await etcd.ctl('user', 'grant-role', 'weft', 'weft')
	await etcd.ctl('user', 'grant-role', 'root', 'root')
	const cluster = client(t, [etcd.url], { login })
	assert.equal(await cluster.get('weft/a'), undefined)
	await etcd.ctl('auth', 'enable')

	const revision = await cluster.transaction([], [{ key: 'weft/a', value: '1' }])
	assert.ok(revision)
	await sleep(2500)
	assert.equal(
		(await cluster.transaction([{ key: 'weft/a', revision }], [{ key: 'weft/b', value: '1' }])) !== undefined,
		true,
	)
	await sleep(2500)
	// The first one finds that the login has run out.
	await assert.rejects(
		() => broken(cluster.watch('weft/', revision - 1, AbortSignal.timeout(5000)), true),
		unreachableError,
	)
	const told = listen(t, cluster, 'weft/', revision - 1)
	await eventually(() => told.flatMap(({ entries }) => entries).length === 2)
	assert.equal(await cluster.keepAlive(await cluster.grant(5)), true)

	const refusals = [
		[{ login: { user: 'weft', password: 'x' } }, 'weft/a', /refuses WEFT_CLUSTER_USER="weft" with this password/],
		[{ login: { user: 'nobody', password: 'x' } }, 'weft/a', /refuses WEFT_CLUSTER_USER="nobody" with this password/],
		[{}, 'weft/a', /asks for a login: WEFT_CLUSTER_USER and WEFT_CLUSTER_PASSWORD/],
		[{ login }, 'other/a', /does not let WEFT_CLUSTER_USER="weft" do this: permission denied/],
	] as const
	for (const [options, key, words] of refusals) {
		await assert.rejects(
			client(t, [etcd.url], options).get(key),
			(error) => isCode(error, 'system') && words.test(error.message),
		)
	}
})

test('with certificates and a login: a certificate with a CommonName is refused, and said to be, one without is taken', {
	skip,
}, async (t) => {
	for (const [subject, isTaken] of [
		['/CN=weft', false],
		['/O=weft', true],
	] as const) {
		const files = await makeCertificates(t, '127.0.0.1', subject)
		const [etcd] = await startEtcd(t, 1, { tls: files })
		assert.ok(etcd)
		await etcd.ctl('user', 'add', 'root:r')
		await etcd.ctl('user', 'grant-role', 'root', 'root')
		await etcd.ctl('auth', 'enable')
		const options = { tls: await contents(files), login: { user: 'root', password: 'r' } }
		const asked = client(t, [etcd.url], options).get('weft/a')
		if (isTaken) assert.equal(await asked, undefined)
		else
			await assert.rejects(
				asked,
				(error) => isCode(error, 'system') && /no certificate with a CommonName/.test(error.message),
			)
	}
})

test('what is not an etcd is told of', async (t) => {
	const server = createServer((_, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.after(() => server.close())
	const { port } = server.address() as AddressInfo
	const url = `http://127.0.0.1:${port}`
	const asked = client(t, [url]).get('a')
	await assert.rejects(
		asked,
		(error) => isCode(error, 'system') && error.message.startsWith(`${url}: this is not an answer of etcd`),
	)
})

test('a change of which nobody knows whether it was done is not tried with another endpoint', async (t) => {
	const bodies: string[] = []
	const servers = [0, 1].map(() =>
		createServer((request) => {
			bodies.push(request.url ?? '')
			request.socket.destroy()
		}).listen(0, '127.0.0.1'),
	)
	for (const server of servers) {
		if (!server.listening) await once(server, 'listening')
		t.after(() => server.close())
	}
	const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
	const cluster = client(t, ['http://127.0.0.1:1', ...urls])
	await assert.rejects(cluster.transaction([], [{ key: 'a' }]), unreachableError)
	assert.deepEqual(bodies, ['/v3/kv/txn'])
	await assert.rejects(cluster.get('a'), unreachableError)
	assert.deepEqual(bodies, ['/v3/kv/txn', '/v3/kv/range', '/v3/kv/range'])
})

/** It takes what it is asked, and never answers; tells of each request. */
async function silent(t: TestContext, asked: () => void = () => undefined): Promise<string> {
	const server = createServer(asked).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.after(() => server.close().closeAllConnections())
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A proxy whose etcd is away, or what else answers in HTML. */
async function proxy(t: TestContext, status: number): Promise<string> {
	const server = createServer((_, response) => {
		response.writeHead(status, { 'content-type': 'text/html' }).end('<html><h1>Bad Gateway</h1></html>')
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.after(() => server.close().closeAllConnections())
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a proxy whose etcd is away is left for the next endpoint, and said to be one', { skip }, async (t) => {
	const there = client(t, [await proxy(t, 502), shared?.url ?? ''])
	await there.transaction([], [{ key: 'proxy/a', value: '1' }]).catch(unreachable)
	await there.transaction([], [{ key: 'proxy/a', value: '2' }])
	assert.equal((await client(t, [await proxy(t, 503), shared?.url ?? '']).get('proxy/a'))?.value, '2')
	const alone = client(t, [await proxy(t, 504)])
	await assert.rejects(alone.get('a'), (error) => unreachableError(error) && /proxy .* says 504/.test(String(error)))
	// Whoever has another server there has set it wrongly.
	const other = client(t, [await proxy(t, 404), shared?.url ?? ''])
	await assert.rejects(
		other.get('a'),
		(error) => isCode(error, 'system') && /not an answer of etcd/.test(error.message),
	)
})

test('a watch goes on to the next endpoint where one gives no answer', { skip }, async (t) => {
	const cluster = client(t, [await silent(t), shared?.url ?? ''], { patience: 1500 })
	const other = client(t, [shared?.url ?? ''])
	const { revision } = await other.range('silent/')
	const told = listen(t, cluster, 'silent/', revision)
	await other.transaction([], [{ key: 'silent/a', value: '1' }])
	await eventually(() => told.length === 1)
})

test('what is asked when the cluster is closed is broken off, and nobody else is asked', async (t) => {
	const ask = async (call: (cluster: Etcd) => Promise<unknown>) => {
		let asked = 0
		const count = () => {
			asked++
		}
		const cluster = client(t, [await silent(t, count), await silent(t, count)], { patience: 60_000 })
		const answer = assert.rejects(call(cluster), unreachableError)
		await eventually(() => asked === 1)
		await cluster.close()
		await answer
		assert.equal(asked, 1)
	}
	await ask((cluster) => cluster.get('a'))
	await ask((cluster) => broken(cluster.watch('a', 1, new AbortController().signal), true))
})

function unreachableError(error: unknown): boolean {
	return isCode(error, 'unreachable')
}

/** For `then`: false for an endpoint that does not answer yet. */
function unreachable(error: unknown): false {
	assert.ok(unreachableError(error), String(error))
	return false
}

/** Waits for a watch that has nothing to tell to break off; passes on how, where asked. */
async function broken(watch: AsyncIterable<unknown>, pass = false): Promise<void> {
	try {
		for await (const changes of watch) assert.fail(JSON.stringify(changes))
	} catch (error) {
		if (pass || !isCode(error, 'unreachable')) throw error
		return
	}
	assert.fail('it did not break off')
}

async function contents(files: Certificates): Promise<Certificates> {
	const [ca = '', cert = '', key = ''] = await Promise.all(
		[files.ca, files.cert, files.key].map((each) => readFile(each, 'utf8')),
	)
	return { ca, cert, key }
}
