// Reads pictures of one digit with a bundle: OpenCV's DNN module, libzip, nlohmann's JSON.
//
//     read_digit devanagari.indicdigits [--graph GRAPH.onnx] [--json] PICTURE...
//
// --graph takes another graph file in place of the bundle's own; --json prints a line a picture
// with the network's input and its probabilities.

#include <zip.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <opencv2/dnn.hpp>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "prepare.hpp"

using nlohmann::json;

namespace {

const std::string NOT_A_DIGIT = "not a digit";
constexpr zip_uint64_t LARGEST = 256u << 20;  // bytes that a member may have

std::vector<char> member(const std::string &path, const char *name) {
    const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
        zip_open(path.c_str(), ZIP_RDONLY, nullptr), zip_discard);
    zip_stat_t about;
    if (!archive || zip_stat(archive.get(), name, 0, &about) || about.size > LARGEST)
        throw std::runtime_error(path + ": is no bundle");
    std::vector<char> content(about.size);
    const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(
        zip_fopen(archive.get(), name, 0), zip_fclose);
    if (!file || zip_fread(file.get(), content.data(), about.size) != zip_int64_t(about.size))
        throw std::runtime_error(path + ": is damaged");
    return content;
}

std::vector<char> file_content(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Reader {
    json about;
    cv::dnn::Net network;

    Reader(const std::string &path, const std::string &graph) {
        const auto manifest = member(path, "bundle.json");
        about = json::parse(manifest.begin(), manifest.end());
        if (about["schema"] != 1) throw std::runtime_error(path + ": is of another schema");
        const auto content = graph.empty() ? member(path, "model.onnx") : file_content(graph);
        network = cv::dnn::readNetFromONNX(content.data(), content.size());
    }

    // Network input CV_8UC1 (S,S) -> the graph's probabilities.
    std::vector<float> probabilities(const cv::Mat &input) {
        const int shape[] = {1, input.rows, input.cols, 1};
        cv::Mat image;
        input.convertTo(image, CV_32F, 1 / about["input"]["scaling"]["divide_by"].get<double>());
        network.setInput(image.reshape(1, 4, shape), "image");
        const cv::Mat row = network.forward("probabilities");
        return {row.begin<float>(), row.end<float>()};
    }

    // The best digit, and why it is not accepted (empty where it is).
    std::pair<std::string, std::string> answer(const cv::Mat &input,
                                               const std::vector<float> &answers) const {
        std::vector<double> row(answers.begin(), answers.end());
        if (const json &temperature = about["calibration"]["temperature"]; !temperature.is_null())
            soften(row, temperature);
        double none = 0;
        std::size_t best = row.size();
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (about["classes"][i]["text"] == NOT_A_DIGIT)
                none = row[i];
            else if (best == row.size() || row[i] > row[best])
                best = i;
        }
        return {about["classes"][best]["text"],
                cv::countNonZero(input) ? refusal(row, best, none) : "no ink found"};
    }

    // Softmax of the logits divided by a temperature.
    static void soften(std::vector<double> &row, double temperature) {
        double sum = 0;
        for (double &value : row) {
            const double least = std::numeric_limits<float>::min();
            sum += value = std::pow(std::max(value, least), 1 / temperature);
        }
        for (double &value : row) value /= sum;
    }

    std::string refusal(const std::vector<double> &row, std::size_t best, double none) const {
        const json &outside = about["out_of_distribution"], &reject = about["reject"]["threshold"];
        if (none > row[best] || (!outside.is_null() && none >= outside["threshold"]))
            return NOT_A_DIGIT;
        double others = 0;
        for (std::size_t i = 0; i < row.size(); ++i)
            if (i != best && about["classes"][i]["text"] != NOT_A_DIGIT) others += row[i];
        const double sure = 1 - others / (others + row[best]);
        return !reject.is_null() && sure < reject ? "below threshold" : "";
    }
};

// The line that is printed for one picture.
std::string read(Reader &reader, const std::string &path, bool as_json) {
    const cv::Mat picture = cv::imread(path, cv::IMREAD_COLOR);
    if (picture.empty()) throw std::runtime_error(path + ": no picture");
    const json &rules = reader.about["input"];
    const cv::Mat input = prepare(picture, rules["size"], rules["normalisation"]);
    json line{{"path", path}, {"text", ""}, {"reason", "paper that is not even"}};
    if (!input.empty()) {
        line["input"] = std::vector<int>(input.begin<uchar>(), input.end<uchar>());
        line["probabilities"] = reader.probabilities(input);
        const auto [text, reason] = reader.answer(input, line["probabilities"]);
        line["text"] = text;
        line["reason"] = reason.empty() ? json(nullptr) : json(reason);
    }
    if (as_json) return line.dump();
    const std::string text = line["text"];
    if (line["reason"].is_null()) return path + "  " + text;
    return path + "  not accepted: " + line["reason"].get<std::string>() + " (best guess " + text + ")";
}

}  // namespace

int main(int count, char **words) try {
    std::string bundle, graph;
    bool as_json = false;
    std::vector<std::string> pictures;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--graph" && i + 1 < count)
            graph = words[++i];
        else if (word == "--json")
            as_json = true;
        else if (bundle.empty())
            bundle = word;
        else
            pictures.push_back(word);
    }
    if (pictures.empty()) throw std::runtime_error("usage: read_digit BUNDLE PICTURE...");
    Reader reader(bundle, graph);
    for (const auto &path : pictures) std::cout << read(reader, path, as_json) << "\n";
    return 0;
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
}
