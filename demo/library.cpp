// library.cpp: a sentence becomes a sound in C++11; each resource has an owner. MIT-0
//
//     c++ -O2 demo/library.cpp -o library && ./library "a dog barks" dog.wav
//
//     dog.wav: 2.56 s at 16000 Hz
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

static void check(tango_result result, const tango_error &error)
{
    if (result != TANGO_OK) throw std::runtime_error(error.text);
}

// A model in a mapped file. It may be used by several threads at once.
class Model {
public:
    explicit Model(const std::string &path) : file(), model()
    {
        tango_error error;
        check(tango_io_map(&file, path.c_str(), &error), error);
        const tango_result result = tango_open(&model, file.data, file.size, &error);
        if (result != TANGO_OK) tango_io_unmap(&file);
        check(result, error);
    }
    ~Model() { tango_io_unmap(&file); }
    Model(const Model &) = delete;
    Model &operator=(const Model &) = delete;

    size_t rate() const { return model.rate; }

    // All that is zero in params means: the model's default.
    std::vector<float> generate(const tango_params &params) const
    {
        tango_error error;
        tango_plan plan;
        check(tango_prepare(&plan, &model, &params, &error), error);
        std::vector<unsigned char> memory(plan.memory);
        std::vector<float> wave(plan.params.samples * plan.samples);
        check(tango_generate(wave.data(), &model, &params, memory.data(), memory.size(),
                  &error), error);
        return wave;
    }

private:
    tango_io_file file;
    tango_model model;
};

// A file appears whole, when commit is called, or not at all.
class Output {
public:
    explicit Output(const std::string &path) : out(), open(true)
    {
        tango_error error;
        check(tango_io_create(&out, path.c_str(), &error), error);
    }
    ~Output() { if (open) tango_io_abandon(&out); }
    Output(const Output &) = delete;
    Output &operator=(const Output &) = delete;

    void wav(const std::vector<float> &wave, size_t rate)
    {
        tango_error error;
        tango_io_wav_spec spec = tango_io_wav_spec();
        spec.channels = 1;
        spec.rate = static_cast<uint32_t>(rate);
        spec.frames = wave.size();
        check(tango_io_wav_write(&out, wave.data(), &spec, &error), error);
        open = false; // commit closes it, whatever comes of it
        check(tango_io_commit(&out, &error), error);
    }

private:
    tango_io_output out;
    bool open;
};

int main(int argc, char **argv)
{
    try {
        if (argc != 3) throw std::runtime_error("usage: library PROMPT FILE.wav");
        const Model model("demo/tiny.tango");
        Output out(argv[2]); // before the work: it may be impossible
        tango_params params = tango_params();
        params.prompt = argv[1];
        std::vector<float> wave = model.generate(params);
        if (tango_audio_peak(wave.data(), wave.size()) > 1.0f)
            tango_audio_set_peak(wave.data(), wave.size(), 1.0f);
        out.wav(wave, model.rate());
        std::printf("%s: %.2f s at %zu Hz\n", argv[2],
            static_cast<double>(wave.size()) / static_cast<double>(model.rate()),
            model.rate());
        return 0;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "error: %s\n", e.what());
        return 1;
    }
}
