// libwebrtc in a session: 10 ms frames of a WAV file as its microphone (libwebrtc takes no others), the
// answer played into a sink. It makes the same call over HTTP as the daemon.
// usage: node libwebrtc_session.js URL MICROPHONE.wav; says {"connected": true} and ends when its stdin does.
'use strict';
const fs = require('fs');
const {RTCPeerConnection, nonstandard: {RTCAudioSink, RTCAudioSource}} = require('@roamhq/wrtc');

const HEADER_BYTES = 44;
const FRAME_SAMPLES = 480;
const [, , url, microphone] = process.argv;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const file = fs.readFileSync(microphone);
const pcm = new Int16Array(file.buffer.slice(file.byteOffset + HEADER_BYTES, file.byteOffset + file.length));

const connection = new RTCPeerConnection({iceServers: []});
const source = new RTCAudioSource();
connection.addTrack(source.createTrack());
connection.ontrack = (event) => { new RTCAudioSink(event.track).ondata = () => {}; };
const channel = connection.createDataChannel('oai-events');
channel.onopen = () => process.stdout.write('{"connected": true}\n');
channel.onmessage = () => {};

const speak = () => {
  const beganMs = nowMs();
  let count = 0;
  const tick = () => {
    for (const due = Math.floor((nowMs() - beganMs) / 10); count <= due; count++) {
      const at = count * FRAME_SAMPLES % (pcm.length - FRAME_SAMPLES);
      source.onData({
        samples: pcm.slice(at, at + FRAME_SAMPLES), sampleRate: 48000, bitsPerSample: 16, channelCount: 1,
        numberOfFrames: FRAME_SAMPLES,
      });
    }
    setTimeout(tick, Math.max(0, beganMs + count * 10 - nowMs()));
  };
  tick();
};

const gathered = () => new Promise((resolve) => {
  if (connection.iceGatheringState === 'complete') resolve();
  connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
});

const main = async () => {
  await connection.setLocalDescription(await connection.createOffer());
  await gathered();
  const response = await fetch(`${url}/v1/realtime/calls`, {
    method: 'POST', headers: {'Content-Type': 'application/sdp'}, body: connection.localDescription.sdp,
  });
  await connection.setRemoteDescription({type: 'answer', sdp: await response.text()});
  speak();
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
};
main();
