# Sidekiq with its defaults, ten threads. See peers.py for how it is run.
require 'json'
require 'sidekiq'

Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch('PEER_URL') } }
Sidekiq.configure_server { |config| config.redis = { url: ENV.fetch('PEER_URL') } }
Sidekiq.logger.level = Logger::WARN

class Noop
  include Sidekiq::Worker

  def perform(moment, _text)
    return if moment.zero?

    File.write(ENV.fetch('PEER_LATENCIES'), "#{(Time.now.to_f - moment) * 1000}\n", mode: 'a')
  end
end

PAYLOAD = 'x' * 150

def timed(count)
  start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  yield
  puts JSON.generate(jobs: count, seconds: Process.clock_gettime(Process::CLOCK_MONOTONIC) - start)
end

if $PROGRAM_NAME == __FILE__
  count = ARGV[1].to_i
  case ARGV[0]
  when 'one'
    timed(count) { count.times { Noop.perform_async(0, PAYLOAD) } }
  when 'many'
    timed(count) do
      count.fdiv(1000).ceil.times do |index|
        number = [1000, count - index * 1000].min
        Sidekiq::Client.push_bulk('class' => Noop, 'args' => Array.new(number) { [0, PAYLOAD] })
      end
    end
  when 'paced'
    timed(count) do
      count.times do
        Noop.perform_async(Time.now.to_f, PAYLOAD)
        sleep ARGV[2].to_f
      end
    end
  end
end
